BeforeAll {
    . $PSScriptRoot/Setup.ps1
    $null = $data | Start-ModelTraining $model @quick
}

Describe 'Invoke-Inference' {
    It 'answers in the order of the images' {
        ($data.Test[7, 3, 5] | Invoke-Inference $model).Index | Should -Be 7, 3, 5
    }

    It 'ranks the best guesses' {
        foreach ($prediction in $data.Test | Invoke-Inference $model -Top 10) {
            $prediction.Top.Rank | Should -Be (1..10)
            $prediction.Top.Probability | Should -Be ($prediction.Top.Probability | Sort-Object -Descending)
            ($prediction.Top.Probability | Measure-Object -Sum).Sum | Should -BeGreaterThan 0.9999
            ($prediction.Top.Probability | Measure-Object -Sum).Sum | Should -BeLessThan 1.0001
            $prediction.Logits.Count | Should -Be 10
            $prediction.Class, $prediction.Confidence | Should -Be $prediction.Top[0].Class, $prediction.Top[0].Probability
            $prediction.IsCorrect | Should -Be ($prediction.Class -eq $prediction.LabelName)
        }
        ($data.Test[0] | Invoke-Inference $model -Top 3).Top.Count | Should -Be 3
    }

    It 'gives objects that pipelines can filter and keep' {
        $sure = $data.Test | Invoke-Inference $model | Where-Object Confidence -ge 0
        $sure.Count | Should -Be 32
        ($sure[0] | ConvertTo-Json -Depth 3 | ConvertFrom-Json).Top[0].Class | Should -Be $sure[0].Class
    }

    It 'refuses <id>' -ForEach @(
        @{ script = { $data.Test[0] | Invoke-Inference $model -Top 0 }; id = 'ParameterArgumentValidationError' }
        @{ script = { Invoke-Inference $model -Path a -LiteralPath b }; id = 'AmbiguousParameterSet' }
        @{ script = { $data.Test[0] | Invoke-Inference 'model' }; id = 'ParameterArgumentTransformationError' }
    ) {
        Get-ErrorId $script | Should -Be $id
    }
}

Describe 'Invoke-Inference on files' {
    BeforeAll {
        $red = [Convert]::FromBase64String('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC')
        New-Item TestDrive:/photos -ItemType Directory
        [IO.File]::WriteAllBytes("$TestDrive/photos/a.png", $red)
        [IO.File]::WriteAllBytes("$TestDrive/photos/b[1].png", $red)
        [IO.File]::WriteAllBytes("$TestDrive/photos/c.png", $red[0..40])
        [IO.File]::WriteAllBytes("$TestDrive/photos/d.png", $red)
    }

    It 'guesses the files of <how>, except for the broken one' -ForEach @(
        @{
            how = 'Get-ChildItem'
            script = {
                Get-ChildItem TestDrive:/photos/*.png |
                    Invoke-Inference $model -ErrorAction SilentlyContinue -ErrorVariable +errors
            }
        }
        @{
            how = 'a wildcard'
            script = { Invoke-Inference $model TestDrive:/photos/*.png -ErrorAction SilentlyContinue -ErrorVariable +errors }
        }
        @{
            how = 'names'
            script = {
                'a', 'b`[1`]', 'c', 'd' | ForEach-Object { "TestDrive:/photos/$_.png" } |
                    Invoke-Inference $model -ErrorAction SilentlyContinue -ErrorVariable +errors
            }
        }
    ) {
        $errors = @()
        $predictions = . $script
        $predictions.Path | Split-Path -Leaf | Should -Be 'a.png', 'b[1].png', 'd.png'
        $errors.FullyQualifiedErrorId | Should -Be 'InvalidImageFile,Cifar10Ps.Commands.InvokeInferenceCommand'
        $predictions[0].IsCorrect | Should -BeNullOrEmpty
    }
}

Describe 'Measure-Model' {
    It 'agrees with Invoke-Inference, given <how>' -ForEach @(
        @{ how = 'images'; script = { $data.Test | Measure-Model $model } }
        @{ how = 'a data set'; script = { $data | Measure-Model $model } }
        @{ how = 'a split'; script = { Measure-Model $model -Dataset $data.Test } }
    ) {
        $evaluation = & $script
        $evaluation.Count | Should -Be 32
        $evaluation.Accuracy * 32 | Should -Be @($data.Test | Invoke-Inference $model | Where-Object IsCorrect).Count
        ($evaluation.Classes | Measure-Object Count -Sum).Sum | Should -Be 32
        ($evaluation.ConfusionMatrix | ForEach-Object { $_ } | Measure-Object -Sum).Sum | Should -Be 32
    }

    It 'refuses to measure nothing' {
        Get-ErrorId { @() | Measure-Model $model } | Should -Be 'NoImages'
    }
}

Describe 'Weights from elsewhere' -Skip:(!$env:CIFAR10PS_DATA) {
    It 'reach their published accuracy' {
        $cifar = Get-Cifar10 $env:CIFAR10PS_DATA -TrainCount 1 -TestCount 2000
        $model = Import-Model $env:CIFAR10PS_DATA/../weights/resnet20-projection.safetensors
        ($cifar | Measure-Model $model).Accuracy | Should -BeGreaterThan 0.89
    }
}
