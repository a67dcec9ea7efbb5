BeforeAll {
    . $PSScriptRoot/Setup.ps1
    $model = New-ResNet20 $data.Classes
    $run = "$TestDrive/run"
    $reports = $data | Start-ModelTraining $model @quick -OutputDirectory $run
    $objects = @{
        ImageDataset      = $data
        ImageClassifier   = $model
        EpochReport       = $reports[0]
        Prediction        = $data.Test[0] | Invoke-Inference $model -Top 3
        Evaluation        = $data | Measure-Model $model
        LabeledImage      = $data.Test[0]
        LearningRateRange = $data | Find-LearningRate $model -Steps 2 -BatchSize 16
        Calibration       = $data | Optimize-ModelCalibration $model -WarningAction Ignore
        SimilarImage      = $data.Test[0] | Find-SimilarImage -In $data.Train -Top 1
        LabelError        = @($data | Find-LabelError $model)[0]
        TrainingRun       = Get-TrainingRun $run
    }

    # A table or list, as a user sees it.
    function Get-View($Object) { ($Object | Out-String -Width 80) -replace '\e\[[\d;]*m' }
}

Describe '<_>' -ForEach 'ImageDataset', 'ImageClassifier', 'EpochReport', 'Prediction', 'Evaluation', 'LabeledImage', 'LearningRateRange',
    'Calibration', 'SimilarImage', 'LabelError', 'TrainingRun' {
    BeforeAll { $object = $objects[$_] }

    It 'looks the same when Export-Clixml has kept it, in a small file' {
        $object | Export-Clixml "$TestDrive/object.xml"
        (Get-Item "$TestDrive/object.xml").Length | Should -BeLessThan 60KB
        $back = Import-Clixml "$TestDrive/object.xml"
        $back.PSTypeNames[0] | Should -Be "Deserialized.Cifar10Ps.$_"
        Get-View $back | Should -Be (Get-View $object)
    }

    It 'looks the same when a job has sent it' {
        # As Start-Job does: one level deep, unless the type specifies another depth.
        $xml = [Management.Automation.PSSerializer]::Serialize($object, 1)
        Get-View ([Management.Automation.PSSerializer]::Deserialize($xml)) | Should -Be (Get-View $object)
    }

    It 'holds nothing native' {
        [Management.Automation.PSSerializer]::Serialize($object, 5) | Should -Not -Match 'Tensor|Handle|IntPtr'
    }
}

Describe 'In a pipeline of different objects, <_>' -ForEach 'ImageDataset', 'ImageClassifier', 'EpochReport', 'Prediction',
    'Evaluation', 'LabeledImage', 'LearningRateRange', 'Calibration', 'SimilarImage', 'LabelError', 'TrainingRun' {
    BeforeAll { $object = $objects[$_] }

    It 'is shown by a few properties, whatever came before' {
        foreach ($name in $objects.Keys) {
            $text = Get-View @($objects[$name]; , $object)
            $text | Should -Not -Match 'System\.|Cifar10Ps\.|\{'
            $text -split '\r?\n' | ForEach-Object { $_.TrimEnd().Length } | Should -Not -BeGreaterThan 80
            ($text.Trim() -split '\r?\n').Count | Should -BeLessThan 42
        }
    }

    It 'is a row of a CSV file' -Skip:($_ -in 'ImageDataset', 'ImageClassifier') {
        $csv = $object | ConvertTo-Csv
        $csv | Should -Not -Match 'System\.|Cifar10Ps\.'
        $names = ($csv | ConvertFrom-Csv).PSObject.Properties.Name
        ($names | Sort-Object -Unique).Count | Should -Be $names.Count
        $names | Should -Not -Contain 'ValLoss'
        $names | Should -Not -Contain 'Guess'
    }
}

Describe 'JSON and CSV' {
    It 'hold the figures of a report' {
        $json = $reports | ConvertTo-Json | ConvertFrom-Json
        $json.Epoch | Should -Be 1, 2
        $json[1].Loss | Should -Be $reports[1].Loss
        $json[1].Elapsed.TotalSeconds | Should -Be $reports[1].Elapsed.TotalSeconds
        $csv = $reports | ConvertTo-Csv | ConvertFrom-Csv
        [double]::Parse($csv[1].ValidationAccuracy, [cultureinfo]::CurrentCulture) | Should -Be $reports[1].ValidationAccuracy
        [timespan] $csv[1].Elapsed | Should -Be $reports[1].Elapsed
    }

    It 'hold the guesses of a prediction' {
        $prediction = $objects.Prediction
        $json = $prediction | ConvertTo-Json | ConvertFrom-Json
        $json.Top.Class | Should -Be $prediction.Top.Class
        $json.LabelName | Should -Be 'disc'
        $csv = $prediction | ConvertTo-Csv | ConvertFrom-Csv
        $csv.Class | Should -Be $prediction.Class
        $csv.Top | Should -Be ($prediction.Top -join '; ')
        $csv.Logits -split '; ' | Should -HaveCount 10
    }

    It 'hold the figures of an evaluation' {
        $json = $objects.Evaluation | ConvertTo-Json | ConvertFrom-Json
        $json.Classes.Class | Should -Be $data.Classes
        $json.ConfusionMatrix | Should -HaveCount 10
        $csv = $objects.Evaluation | ConvertTo-Csv | ConvertFrom-Csv
        [int] $csv.Count | Should -Be 32
        ($csv.ConfusionMatrix -split '; ' | ForEach-Object { $_ -split ' ' } | Measure-Object -Sum).Sum | Should -Be 32
        $rows = $objects.Evaluation.Confusions | ConvertTo-Csv | ConvertFrom-Csv
        ($rows | Measure-Object Count -Sum).Sum | Should -Be 32
        $rows[0].Truth | Should -BeIn $data.Classes
    }

    It 'describe a model without its weights' {
        $json = $model | ConvertTo-Json
        $json.Length | Should -BeLessThan 2KB
        ($json | ConvertFrom-Json).Network.Name | Should -Be 'ResNet-20'
        ($model | ConvertTo-Csv).Length | Should -BeLessThan 2KB
    }

    It 'describe a data set, JSON with the properties that are wanted' {
        $json = $data | Select-Object Name, TrainCount, TestCount, Classes | ConvertTo-Json | ConvertFrom-Json
        $json.TrainCount | Should -Be 64
        ($data | ConvertTo-Csv | ConvertFrom-Csv).Train | Should -Be 'Train: 64 images'
    }
}

Describe 'A training job' {
    It 'is exported without its handle and its streams' {
        $job = $data | Start-ModelTraining (New-ResNet20) @quick -AsJob
        $null = $job | Wait-Job
        $job | Export-Clixml "$TestDrive/job.xml"
        $back = Import-Clixml "$TestDrive/job.xml"
        $back.State | Should -Be 'Completed'
        $back.PSObject.Properties.Name | Should -Not -Contain 'Finished'
        $job | Remove-Job
    }

    It 'sends reports out of another process that still have their view' {
        $job = Start-Job -ScriptBlock { Import-Module $using:modulePath; Get-TrainingHistory $using:run }
        $back = $job | Wait-Job | Receive-Job
        $job | Remove-Job
        $back[0].PSTypeNames[0] | Should -Be 'Deserialized.Cifar10Ps.EpochReport'
        $back.Loss | Should -Be $reports.Loss
        Get-View $back | Should -Match 'Epoch +Loss +Accuracy +ValLoss +ValAccuracy'
    }
}
