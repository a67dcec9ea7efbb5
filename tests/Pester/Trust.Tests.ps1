BeforeAll {
    . $PSScriptRoot/Setup.ps1
    $null = $data | Start-ModelTraining $model @quick
}

Describe 'Trust in an answer' {
    It 'calibrates a model, keeps that in its file, and loses it in training' {
        $calibration = $data.Validation | Optimize-ModelCalibration $model
        $calibration.After.Loss | Should -BeLessOrEqual $calibration.Before.Loss
        $model | Save-Model TestDrive:/calibrated.safetensors
        $read = Import-Model TestDrive:/calibrated.safetensors
        $read.Temperature | Should -Be $calibration.Temperature
        ($data | Measure-Model $read).CalibrationError | Should -Be $calibration.CalibrationError
        $null = $data | Start-ModelTraining $read -Epochs 1 -BatchSize 32 -Recipe Fast
        $read.Temperature | Should -Be 1
    }

    It 'warns when so few images made the calibration error larger' {
        # With any weights, it is about half of them.
        $seen = foreach ($last in 2..31) {
            $few = $data.Test[0..$last] | Optimize-ModelCalibration $model -WarningVariable warnings -WarningAction Ignore
            $warnings -match 'images rose from' | Should -HaveCount ([int] ($few.CalibrationError -gt $few.CalibrationErrorBefore))
            [bool] $warnings
        }
        $seen | Should -Contain $true
        $seen | Should -Contain $false
    }

    It 'answers unknown below a confidence, and measures the answers' {
        $confidences = ($data | Invoke-Inference $model).Confidence | Sort-Object
        $answers = $data | Invoke-Inference $model -MinimumConfidence $confidences[16]
        ($answers | Group-Object Class -AsHashTable)['unknown'].Count | Should -Be 16
        $measured = $answers | Measure-Model
        $measured.Count, $measured.UnknownCount | Should -Be 16, 16
        $measured.Accuracy | Should -Be (@($answers | Where-Object IsCorrect).Count / 16)
    }

    It 'draws why and how surely' {
        $data | Invoke-Inference $model | Export-PredictionSheet TestDrive:/why.png -Explain -Count 4
        $data | Optimize-ModelCalibration $model -WarningAction Ignore | Export-ReliabilityPlot TestDrive:/sure.png
        $data | Find-LearningRate (New-ResNet20) -BatchSize 32 -Steps 4 | Export-TrainingPlot TestDrive:/rates.png
        Get-Item TestDrive:/why.png, TestDrive:/sure.png, TestDrive:/rates.png | ForEach-Object Length | Should -BeGreaterThan 5000
    }
}

Describe 'Doubts about the data' {
    It 'finds a copy across the splits, whatever became of it' {
        $mixed = New-ImageDataset -Train $data.Train -Test (@($data.Test) + $data.Train[3])
        $copy = $mixed | Find-SimilarImage | Where-Object { $_.Split -ne $_.SimilarSplit } | Select-Object -First 1
        $copy.Similarity, $copy.Image.Index, $copy.Similar.Index | Should -Be 1, 3, 32
    }

    It 'finds wrong labels with a model for each fold, in one pipeline' {
        $doubted = $data | Split-ImageDataset -Fold 2 | ForEach-Object {
            $fold = New-ResNet20 -Classes $data
            $null = $_ | Start-ModelTraining $fold @quick
            $_.Validation | Invoke-Inference $fold
        } | Find-LabelError
        $doubted.LabelProbability | Should -Be ($doubted.LabelProbability | Sort-Object)
        $doubted | Where-Object { $_.LabelName -eq $_.Suggestion } | Should -BeNullOrEmpty
    }

    It 'lists the runs of a sweep' {
        foreach ($rate in 0.01, 0.02) {
            $null = $data | Start-ModelTraining (New-ResNet20) @quick -LearningRate $rate -OutputDirectory $TestDrive/sweep/$rate
        }
        $runs = Get-TrainingRun $TestDrive/sweep/*
        $runs.Options.LearningRate | Should -Be 0.01, 0.02
        $runs.Status | Should -Be 'Complete', 'Complete'
    }
}
